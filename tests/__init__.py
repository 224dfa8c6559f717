"""The tests: unit, property, integration, fault, browser and bench."""
