"""The beginning of a story on a copy of its database, for a test to go on from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

from server.config import Config
from server.database import Database
from server.master_key import MasterKey
from tests.visit_story import KEY, Story


@dataclass(frozen=True)
class Opening:
    """A database on which the story has begun; `url` is this test's own copy of it."""

    url: str
    played: Story

    def go_on(self, config: Config, key: MasterKey = KEY) -> Story:
        """The story on this test's database; whoever asks closes `story.database`."""
        # Not `replace`: it would load the district and begin the shifts once more.
        story = copy.copy(self.played)
        story.database, story.config, story.key = Database(self.url), config, key
        story.journals = {
            place_id: replace(journal, lines=[], guests=[])
            for place_id, journal in self.played.journals.items()
        }
        story.visits = []
        return story
