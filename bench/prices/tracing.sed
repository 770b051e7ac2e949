# changes 6
# Nobody notes which message is in hand.
/store_relaxed(&.*->running_type, /d
/wait->running = load_relaxed(&w->running_type);/d
