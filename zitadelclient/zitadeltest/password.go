package zitadeltest

import "time"

// setPassword sets the password and forgets code and failures.
func (h *human) setPassword(password string, changeRequired bool, now time.Time) {
	h.password, h.passwordChangeRequired, h.passwordChanged = password, changeRequired, now
	h.passwordCode, h.failedPasswords = verificationCode{}, 0
}
