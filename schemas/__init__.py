"""The language both sides speak: events, sync, tag ids, state machines and problem codes."""
