# changes 6
# Nobody notes whose turn it is, and which message is in hand.
/store_relaxed(&w->running\(_type\)\?, /d
