"""What the processes and hosts of one installation share: tokens, places for requests, the pace of each mailbox."""
