# changes 11
# Handled messages are not counted, nor those that are taken in hand. Other sent ones are: the count is
# a mark that the lease needs, too.
/bump\(_by\)\{0,1\}(&.*->counts\.handled[,)]/d
/bump(&w->counts\.held);/d
