"""What only the course needs: claims, verdicts, the canteen, functions out of notebooks."""
