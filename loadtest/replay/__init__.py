"""What a candidate's long replay costs the champion."""
