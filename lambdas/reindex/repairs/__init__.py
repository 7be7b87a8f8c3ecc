"""What mends or proves after a run: requeue, redrive, certify."""
