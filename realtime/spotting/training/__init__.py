"""How the spotter's network is trained: the only part of `realtime` that needs torch, and that nothing else imports."""
