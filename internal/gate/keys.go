package gate

// gateKey names the hash that is a channel's gate. What its fields mean is part of
// the name: another layout gets another one. Times are Redis's own, in
// microseconds since the epoch.
//
//	until   nobody passes before it: the destination asked for that, or the breaker is open
//	open    set while the breaker is open: how often in a row it was opened or a probe failed
//	probe   the delivery that tries an open breaker, until "until"
//	fails   failures in a row; since: when the row began; event: the last one's event;
//	events  how often that was another event than the one before
//	free    the first ticket that nobody has. Ticket n has its turn at t + (n - k) * gap
//	k t gap see free
//	last    the last pass that a delivery of a channel with a rate made; due: the last
//	        that one was promised; least: how far apart those are; changes: how often
//	        that has changed, modulo 4
//	version of the channel that all but last, due and least are about
//
// The hash goes an hour after its last write and its last turn.
func gateKey(channelID string) string { return "ar:{gate:" + channelID + "}" }
