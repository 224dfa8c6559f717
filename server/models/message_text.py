"""Texts of messages in the words of the district's administrators."""

from __future__ import annotations

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class MessageTextRow(Table):
    """A template's text in one language; null: the one that the program comes with."""

    __tablename__ = "message_texts"

    template: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str | None] = mapped_column(Text)
