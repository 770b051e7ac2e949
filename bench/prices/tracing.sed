# changes 3
# Nobody notes which message is in hand.
/store_relaxed(&w->running_type, /d
