# changes 10
# Nobody counts the letters of an actor, and a tell at home does not look whether there is room.
/uint32_t len = load_relaxed(&a->len); \/\* if straight, /d
s/ || (int32_t)len >= (int32_t)load_relaxed(&a->mailbox_max)//
s/^ *(int32_t)load_relaxed(&a->mailbox_max) <= 0)) {/false)) {/
/store_relaxed(&a->len, \(len + 1\|0\));/d
/bump_by(&a->len, /d
