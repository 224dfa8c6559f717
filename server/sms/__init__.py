"""Text messages: what they say and the gateways that carry them."""

from __future__ import annotations

from server.config import Config
from server.sms.gateway import SMSGateway
from server.sms.recording import FILE_NAME, RecordingGateway


def open_gateway(config: Config) -> SMSGateway:
    """The gateway that the settings name."""
    if config.sms_gateway == "sns":
        # boto3 takes most of a second to import: only who sends through AWS pays for it.
        from server.sms.sns import SNSGateway

        return SNSGateway(config.sms_region, config.sms_sender, config.sms_lease_s)
    return RecordingGateway(config.data_dir / FILE_NAME)
