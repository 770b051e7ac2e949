# changes 7
# Nobody can take over who waits behind a long handler: no marks for a thief, no look at the token at
# the end of a turn. The count of what was sent stays, for the ledger.
/store_release(&lease->turn, /d
/store_release(&lease->ended, sent);/d
/^    compiler_fence();/d
s/if (NOHI_UNLIKELY(nohi_lease_token(lease) == NOHI_REVOKED)) {/if (0) {/
