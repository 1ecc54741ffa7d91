package zitadeltest

// otpKind is a way to send one-time codes: by SMS or by e-mail. The ids are
// those of the real server for what goes wrong.
type otpKind struct {
	slot        func(*factors) **otpFactor
	verified    func(*human) bool // the number or the address
	generator   string
	already     string
	unverified  string
	missing     string
	notEnrolled string
	code        func(*sessionChallenges) *verificationCode
	messageKind string
	sms         bool
}

var (
	otpBySMS = otpKind{
		slot: func(f *factors) **otpFactor { return &f.otpSMS }, verified: func(h *human) bool { return h.phoneVerified },
		generator: otpSMSGenerator, already: "COMMAND-Ad3g2", unverified: "COMMAND-Q54j2", missing: "COMMAND-Sr3h3",
		notEnrolled: "COMMAND-BJ2g3", code: func(c *sessionChallenges) *verificationCode { return &c.otpSMS },
		messageKind: "otp-sms", sms: true,
	}
	otpByEmail = otpKind{
		slot: func(f *factors) **otpFactor { return &f.otpEmail }, verified: func(h *human) bool { return h.emailVerified },
		generator: otpEmailGenerator, already: "COMMAND-MKL2s", unverified: "COMMAND-KLJ2d", missing: "COMMAND-b312D",
		notEnrolled: "COMMAND-JKLJ3", code: func(c *sessionChallenges) *verificationCode { return &c.otpEmail },
		messageKind: "otp-email",
	}
)

func errOTPNotReady(id string) *apiError {
	return failedPrecondition(id, "Multifactor OTP (OneTimePassword) isn't ready")
}

// addOTP enrols a verified number or address.
func addOTP(kind otpKind) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if err := c.decode(&struct{}{}); err != nil {
			return nil, err
		}
		u, h, err := c.credentialOwner()
		if err != nil {
			return nil, err
		}
		slot := kind.slot(&h.factors)
		switch {
		case *slot != nil:
			return nil, alreadyExists(kind.already, "Multifactor OTP (OneTimePassword) is already set up")
		case !kind.verified(h):
			return nil, errOTPNotReady(kind.unverified)
		}
		c.touch(&u.record)
		*slot = &otpFactor{visible: u.visible}
		return object{"details": u.details()}, nil
	}
}

func removeOTP(kind otpKind) func(*call) (any, error) {
	return func(c *call) (any, error) {
		u, h, err := c.factorOwner()
		if err != nil {
			return nil, err
		}
		slot := kind.slot(&h.factors)
		if *slot == nil {
			return nil, notFound(kind.missing, "Multifactor OTP (OneTimePassword) doesn't exist")
		}
		*slot = nil
		c.touch(&u.record)
		return object{"details": u.details()}, nil
	}
}
