"""What is wrong with a document before anybody finds it: pure checks, the lines they are held to, and the report.

``judging.judge`` runs all checks over a prepared text. A finding has a severity from 0 to 1; a document is held for
its keeper when a finding reaches the line of its check (``lines``), and is published with its report otherwise.
"""
