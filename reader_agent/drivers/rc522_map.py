"""The registers, commands and bits of an MFRC522 that are used here.

Addresses are the six bits of the data sheet; on the SPI bus they stand one bit further left.
Source: NXP data sheet MFRC522, chapter 9, as public drivers quote it.
"""

from __future__ import annotations

from enum import IntEnum

FIFO_BYTES = 64
CARRIER_HZ = 13_560_000


class Reg(IntEnum):
    """Register addresses."""

    COMMAND = 0x01
    COM_I_EN = 0x02
    COM_IRQ = 0x04
    DIV_IRQ = 0x05
    ERROR = 0x06
    STATUS1 = 0x07
    STATUS2 = 0x08
    FIFO_DATA = 0x09
    FIFO_LEVEL = 0x0A
    WATER_LEVEL = 0x0B
    CONTROL = 0x0C
    BIT_FRAMING = 0x0D
    COLL = 0x0E
    MODE = 0x11
    TX_MODE = 0x12
    RX_MODE = 0x13
    TX_CONTROL = 0x14
    TX_ASK = 0x15
    CRC_RESULT_H = 0x21
    CRC_RESULT_L = 0x22
    MOD_WIDTH = 0x24
    RF_CFG = 0x26
    T_MODE = 0x2A
    T_PRESCALER = 0x2B
    T_RELOAD_H = 0x2C
    T_RELOAD_L = 0x2D
    T_COUNTER_H = 0x2E
    T_COUNTER_L = 0x2F
    VERSION = 0x37


class Command(IntEnum):
    """Bits 3..0 of the command register."""

    IDLE = 0x0
    MEM = 0x1
    RANDOM_ID = 0x2
    CALC_CRC = 0x3
    TRANSMIT = 0x4
    NO_CHANGE = 0x7
    RECEIVE = 0x8
    TRANSCEIVE = 0xC
    MF_AUTHENT = 0xE
    SOFT_RESET = 0xF


COMMAND_BITS = 0x0F
POWER_DOWN = 0x10
RECEIVER_OFF = 0x20

# Reg.COM_IRQ; bit 7 says whether the marked bits are set (1) or cleared (0).
SET1 = 0x80
TX_IRQ = 0x40
RX_IRQ = 0x20
IDLE_IRQ = 0x10
LO_ALERT_IRQ = 0x04
ERR_IRQ = 0x02
TIMER_IRQ = 0x01
ALL_IRQS = 0x7F

# Reg.DIV_IRQ, whose bit 7 works in the same way.
CRC_IRQ = 0x04

# Reg.ERROR.
WRITE_ERROR = 0x80
OVERFLOW = 0x10
COLLISION = 0x08
CRC_ERROR = 0x04
PARITY_ERROR = 0x02
PROTOCOL_ERROR = 0x01

CRYPTO1_ON = 0x08  # Reg.STATUS2
FLUSH = 0x80  # Reg.FIFO_LEVEL
LAST_BITS = 0x07  # Reg.CONTROL and Reg.BIT_FRAMING
START_SEND = 0x80  # Reg.BIT_FRAMING; bits 6..4 are RxAlign
VALUES_AFTER_COLL = 0x80  # Reg.COLL
COLL_POS_NOT_VALID = 0x20  # Reg.COLL
COLL_POS = 0x1F  # Reg.COLL
ANTENNA = 0x03  # Reg.TX_CONTROL
TIMER_AUTO = 0x80  # Reg.T_MODE; bits 3..0 are the upper bits of the prescaler


def timer_ns(prescaler: int, reload: int) -> int:
    """How long the chip's timer runs from `reload` to zero, in nanoseconds."""
    return (reload + 1) * (2 * prescaler + 1) * 1_000_000_000 // CARRIER_HZ
