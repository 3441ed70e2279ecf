"""How every figure looks: a mechanism's colour and marker, a phase's colour, axes, and the names at lines' ends."""
