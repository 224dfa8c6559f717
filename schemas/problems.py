"""Every refusal that one side can give the other, or a person, by its code.

A code is stable and goes over the wire; the words a person reads come from the message
catalogs under `problem.<code>`.
"""

from __future__ import annotations

HTTP_STATUS: dict[str, int] = {
    "bad_request": 400,
    "bad_header": 400,
    "bad_signature": 401,
    "unknown_station": 401,
    "revoked_station": 403,
    "cloned_station": 409,
    "clock": 401,
    "replayed": 401,
    "bad_station_code": 422,
    "station_mismatch": 409,
    "key_in_use": 409,
    "not_signed_in": 401,
    "foreign_origin": 403,
    "unknown_visit": 404,
    "unknown_place": 404,
    "unknown_person": 404,
    "unknown_closure": 404,
    "unknown_tariff": 404,
    "unknown_text": 404,
    "unknown_tag": 404,
    "unknown_message": 404,
    "unknown_link": 404,
    "unknown_report": 404,
    "unknown_what_if": 404,
    "expired_link": 410,
    "search_over": 410,
    "what_if_busy": 409,
    "empty_night": 422,
    "too_large": 413,
    "too_many_events": 413,
    "bad_plate": 422,
    "bad_phone": 422,
    "bad_address": 422,
    "landline_phone": 422,
    "bad_time": 422,
    "bad_code": 422,
    "bad_password": 422,
    "bad_sign_in": 422,
    "own_roles": 409,
    "bad_choice": 422,
    "bad_form": 422,
    "stale_form": 409,
    "letter_in_use": 409,
    "place_in_use": 409,
    "last_manager": 409,
    "tariff_in_force": 409,
    "tariff_too_early": 422,
    "tariff_time_taken": 409,
    "text_too_long": 422,
    "text_places": 422,
    "text_letters": 422,
    "bad_amount": 422,
    "bad_district": 422,
    "reason_needed": 422,
    "tag_in_use": 409,
    "tag_random": 422,
    "tag_cut": 422,
    "tag_blank": 422,
    "tag_not_original": 422,
    "tag_not_secure": 422,
    "tag_lost": 409,
    "tag_retired": 409,
    "label_in_use": 409,
    "bad_label": 422,
    "card_gone": 409,
    "card_refused": 409,
    "card_unproven": 409,
    "reader_needed": 409,
    "cloud_needed": 409,
    "wrong_tag_kind": 409,
    "wrong_place": 409,
    "wrong_state": 409,
    "already_on_its_way": 409,
    "not_ready": 409,
    "no_request": 409,
    "booth_closed": 409,
    "not_allowed": 403,
    "code_locked": 429,
    "too_many_tries": 429,
    "storage_full": 507,
    "storage_fault": 500,
    "no_draft": 409,
    "visit_held": 409,
    "do_not_drive": 409,
    "keys_in_hand": 409,
    "closing_open": 409,
    "second_badge_needed": 409,
    "key_needed": 409,
    "wrong_key": 422,
    "no_code": 409,
    "phone_needed": 422,
    "damage_needed": 422,
    "too_late": 409,
    "bad_pin": 422,
    "wrong_pin": 422,
    "pin_locked": 429,
    "pin_blocked": 403,
    "wrong_claim_tag": 422,
    "bad_photo": 422,
    "photo_too_large": 413,
    "too_many_photos": 409,
    "photo_no_room": 507,
    "unknown_photo": 404,
    "photo_altered": 410,
    "photo_store_lost": 503,
    "photos_busy": 503,
    "report_busy": 503,
    "report_store_lost": 503,
    "still_needed": 409,
    "bad_passkey": 422,
    "too_many_passkeys": 409,
}


class Refusal(Exception):
    """An operating error that a person or a peer is told about by `code`.

    `context` holds what the words need (a ticket number, a limit); never a phone number,
    a plate or a token, because refusals are logged.
    """

    def __init__(self, code: str, **context: str | int) -> None:
        assert code in HTTP_STATUS, code
        super().__init__(code)
        self.code = code
        self.context = context

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return HTTP_STATUS[self.code]
