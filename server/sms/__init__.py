"""Text messages: what they say and the gateways that carry them."""

from __future__ import annotations

from server import clock
from server.config import Config
from server.sms.gateway import Receipts, SMSGateway
from server.sms.recording import FILE_NAME, RecordingGateway


def open_gateway(config: Config) -> SMSGateway:
    """The gateway that the settings name."""
    if config.sms_gateway == "sns":
        # boto3 takes most of a second to import: only who sends through AWS pays for it.
        from server.sms.sns import SNSGateway

        return SNSGateway(config.sms_region, config.sms_sender, config.sms_lease_s)
    if config.sms_gateway == "voice-v2":
        from server.sms.voice_v2 import Origin, VoiceV2Gateway

        origin = Origin(config.sms_sender, config.sms_configuration_set)
        return VoiceV2Gateway(config.sms_region, origin, config.sms_lease_s, config.sms_stale_s)
    return RecordingGateway(config.data_dir / FILE_NAME)


def open_receipts(config: Config) -> Receipts | None:
    """Where word of sent messages comes from, if the settings name a place."""
    if not config.sms_receipts_queue:
        return None
    from server.sms.receipts import ReceiptQueue

    return ReceiptQueue(
        config.sms_receipts_queue, config.sms_region, config.sms_receipts_s, clock.mono_ns
    )
