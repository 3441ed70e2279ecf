"""What every command does with its terminal and its arguments, whatever it is about: help, errors, streams, signals."""
