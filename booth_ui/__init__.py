"""The station's touchscreen: pages served by the agent on loopback, and their bundle."""
