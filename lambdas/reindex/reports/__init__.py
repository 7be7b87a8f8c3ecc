"""What a run says of itself: its report, its estimates, its cost."""
