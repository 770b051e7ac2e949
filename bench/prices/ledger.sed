# changes 15
# Sent and handled messages are not counted.
/bump(&w->counts\.\(sent\|handled\));/d
