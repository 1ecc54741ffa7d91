package templates

// CodeField asks for the code.
func (p CodePage) CodeField() (Field, error) { return p.code(p.Code, "verify.code", "done") }

// CodeField asks for the first code that the app shows.
func (p SetUpTOTPPage) CodeField() (Field, error) { return p.code(p.Code, "verify.code", "done") }

// CodeField asks for the code that proves the number.
func (p SetUpCodePage) CodeField() (Field, error) { return p.code("", "verify.code", "done") }

// PhoneField asks for the number.
func (p SetUpCodePage) PhoneField() (Field, error) {
	return p.field(Field{
		Name: FieldPhone, Type: "tel", Value: p.Phone,
		Autocomplete: "tel", InputMode: "tel", EnterKey: "next", TestID: "phone-text-input", Focus: true,
	}, "verify.code")
}
