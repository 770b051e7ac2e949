# changes 7
# Handled messages are not counted. Sent ones are: the count is a mark that the lease needs, too.
/bump(&w->counts\.handled);/d
