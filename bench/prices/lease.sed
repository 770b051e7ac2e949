# changes 7
# Nobody can take over who waits behind a long handler: no marks for a thief, no look at the token at
# the end of a turn. The count of what was sent stays, for the ledger.
/store_release(&lease->turn, /d
/store_release(&lease->ended, load_relaxed(&lease->sent));/d
/^    compiler_fence();/d
s/return nohi_lease_token(lease) != NOHI_REVOKED;/return true;/
s/if (NOHI_LIKELY(nohi_lease_token(lease) != NOHI_REVOKED)) {/if (1) {/
