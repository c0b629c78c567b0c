package lengthwise

import "encoding/binary"

// account holds the two sums of section 11. While the total is above the
// charges, a charged frame may be sent.
type account struct{ total, charges uint64 }

func (a *account) open() bool       { return a.total > a.charges }
func (a *account) available() int64 { return int64(a.total) - int64(a.charges) }

// parseTotal returns the total of a WINDOW or CREDIT.
func parseTotal(body []byte) (uint64, bool) {
	if len(body) != 8 {
		return 0, false
	}
	total := binary.BigEndian.Uint64(body)
	return total, total < 1<<53
}

// raise applies a grant, and reports whether it was valid.
func (a *account) raise(total uint64) bool {
	if total <= a.total {
		return true
	}
	a.total = total
	return a.available() <= mostCredit
}

// granting is the account of a receiver, which grants what it owes as soon as
// it owes a certain share of the window.
type granting struct {
	account
	window, owed uint64
	share        uint64 // 2: half of the window; 4: a quarter
}

func newGranting(window int, share uint64) granting {
	return granting{account: account{total: uint64(window)}, window: uint64(window), share: share}
}

// take charges an arriving frame, and reports whether it had credit.
func (g *granting) take(charge uint64) bool {
	ok := g.open()
	g.charges += charge
	return ok
}

// due reports whether the credit that is owed should be granted.
func (g *granting) due() bool { return g.owed > 0 && g.owed*g.share >= g.window }

// grant grants what is owed, and a larger window by raise.
func (g *granting) grant(raise uint64) []byte {
	g.total += g.owed + raise
	g.window += raise
	g.owed = 0
	return uint64Body(g.total)
}
