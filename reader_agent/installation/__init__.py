"""What makes a Raspberry Pi a station: the files that `valet-agent install` writes."""
