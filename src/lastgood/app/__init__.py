"""What the doors call: the flow, and the wiring that it rests on."""
