"""What only the course needs: claims, verdicts, the canteen, functions taken out of notebooks.

Nothing here measures, and nothing below knows of it: who measures or grades with iomux does not meet it.
"""
