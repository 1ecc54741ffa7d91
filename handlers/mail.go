package handlers

import (
	"cmp"
	"context"
	"errors"
	"net/url"

	"torhaus/flow"
	"torhaus/zitadelclient"
)

// Links in mails are built from our configured origin, never from a request's
// Host (CVE-2026-29067), and carry what ZITADEL fills in. In another browser nothing
// else says whose policies hold: the organization is among it, but for one-time codes,
// whose mails know none.
const (
	verifyLink = "/verify?userId={{.UserID}}&code={{.Code}}&organization={{.OrgID}}"
	inviteLink = verifyLink + "&invite=true"
	resetLink  = "/password/set?userId={{.UserID}}&code={{.Code}}&organization={{.OrgID}}"
	otpLink    = "/otp/email?sessionId={{.SessionID}}&code={{.Code}}"

	longestLink = 200 // that ZITADEL takes, before it fills anything in

	// LongestAddress is how long PublicURL and BasePath may be together, for a link to
	// fit behind them.
	LongestAddress = longestLink - len(inviteLink)
)

func (h *Handlers) link(to string) string { return h.PublicURL.String() + h.BasePath.String() + to }

func (h *Handlers) verifyTemplate() string { return h.link(verifyLink) }

func (h *Handlers) otpTemplate() string { return h.link(otpLink) }

func (h *Handlers) resetTemplate() string { return h.link(resetLink) }

func (h *Handlers) inviteTemplate() string { return h.link(inviteLink) }

// mailVerification sends the code that the page asks for, once an attempt: to who
// has shown a factor, or has none at all.
func (v *visit) mailVerification() error {
	invited := v.step.Reason == flow.Invited
	if v.attempt.VerifySent || v.state.Session == nil && !invited {
		return nil
	}
	if v.limitMail() != nil {
		return nil // the page offers to send one later
	}
	v.attempt.VerifySent, v.attempt.Invited = true, invited
	var err error
	if invited {
		err = v.invite()
	} else {
		err = v.Zitadel.SendEmailCode(v.ctx, v.state.User.ID, v.verifyTemplate())
	}
	if err != nil && !errors.Is(err, errElsewhere) {
		return err
	}
	if saved := v.save(); saved != nil {
		return saved
	}
	return err
}

// invite mails a code to somebody who has no way to sign in, which lets them set
// one up. Who has one by now is asked for that instead: errElsewhere.
func (v *visit) invite() error {
	err := v.Zitadel.SendInvite(v.ctx, v.attempt.User.ID, v.inviteTemplate(), v.inviter())
	if kindOf(err) != zitadelclient.AlreadyHandled {
		v.attempt.Invited = v.attempt.Invited || err == nil
		return err
	}
	v.attempt.VerifySent, v.attempt.Invited, v.attempt.Registration, v.fresh = false, false, nil, false
	if err := v.findMethods(); err != nil || len(v.attempt.User.Methods) == 0 {
		return err // not listed yet: the page offers to try again
	}
	return errElsewhere
}

// inviter is what somebody is invited to: the app that asks, or these pages.
func (v *visit) inviter() string { return cmp.Or(v.clientName(), hostname(v.PublicURL.String())) }

// requestReset has a reset code mailed. The answer is the same whether there is
// such a user or not; only the owner of the mailbox learns.
func (v *visit) requestReset() error { return v.requestResetBy(v.Zitadel.SendPasswordReset) }

func (v *visit) requestResetBy(send func(context.Context, string, string) error) error {
	if !v.step.Allows(flow.ResetPassword) || v.attempt.FromLink {
		return nil // policy hides it, or a link asks: the button was not on the page
	}
	if err := v.limitMail(); err != nil {
		return err
	}
	v.attempt.Resetting = true
	v.attempt.Notice = "notice.reset_sent"
	v.fresh = false
	return v.evenReset(func() (usual bool, err error) {
		owner, err := v.resettable()
		if err != nil || owner == nil || !v.mayMail(owner.ID) {
			return false, err
		}
		err = send(v.ctx, owner.ID, v.resetTemplate())
		switch kindOf(err) {
		case "", zitadelclient.NotActive, zitadelclient.NotFound, zitadelclient.NoPassword, zitadelclient.Invalid:
			return true, nil
		}
		return true, err
	})
}

// mailCode reads the code and the user of a mail's link. Whatever does not look
// like one is dropped: the page then asks for it.
func mailCode(query url.Values) (userID, code string) {
	code = cleanCode(query.Get("code"))
	userID = numeric(query.Get("userId"))
	if code == "" || userID == "" {
		return "", ""
	}
	return userID, code
}
