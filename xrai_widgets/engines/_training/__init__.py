"""The training of networks: epochs with progress, cancel, live pictures and checkpoints from which it goes on."""
