# changes 6
# A tell does not look whether the ref names the slot's present tenant, and a letter does not carry it.
s/return to\.bits >> NOHI_INDEX_BITS == nohi_gate_generation(&a->gate);/return true;/
/^    m->generation = (uint32_t)(to\.bits >> /d
/^           nohi_gate_generation(&a->gate) == message->generation &&$/d
/^        nohi_gate_generation(&a->gate) != message->generation ||$/d
s/NOHI_LIKELY(message->generation == generation)/true/
