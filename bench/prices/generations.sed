# changes 2
# A tell does not look whether the ref names the slot's present tenant, and a letter does not carry it.
s/to\.bits >> NOHI_INDEX_BITS != generation || //
/^    m->generation = generation;/d
