package zitadeltest

import "slices"

// updateHumanUser changes what is sent and keeps the rest.
func (c *call) updateHumanUser() (any, error) {
	var request struct {
		Username *string         `json:"username"`
		Profile  *profileRequest `json:"profile"`
		Email    *struct {
			Email string `json:"email"`
			delivery
		} `json:"email"`
		Phone *struct {
			Phone string `json:"phone"`
			delivery
		} `json:"phone"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, h := c.humanOf(c.id())
	if u == nil {
		return nil, notFound("COMMAND-ugjs0upun6", "Errors.User.NotFound")
	}
	if err := c.requireOrSelf(userWrite, u.id); err != nil {
		return nil, err
	}
	body := object{}
	if request.Username != nil {
		u.userName = *request.Username
	}
	if p := request.Profile; p != nil {
		p.PreferredLanguage, p.Gender = firstOf(p.PreferredLanguage, h.language), firstOf(p.Gender, h.gender)
		h.setProfile(*p)
	}
	if e := request.Email; e != nil {
		h.email, h.emailVerified = e.Email, e.IsVerified
		if !e.IsVerified {
			body["emailCode"] = c.deliverEmailCode(u, e.delivery)
		}
	}
	if p := request.Phone; p != nil {
		h.phone, h.phoneVerified = p.Phone, p.IsVerified
		if !p.IsVerified {
			body["phoneCode"] = c.deliverPhoneCode(u, p.delivery)
		}
	}
	c.touch(&u.record)
	body["details"] = u.details()
	return compact(body), nil
}

func (c *call) setMetadata() (any, error) {
	var request struct {
		Metadata []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"metadata"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	if err := c.require(userWrite); err != nil {
		return nil, err
	}
	for _, wanted := range request.Metadata {
		at := slices.IndexFunc(u.metadata, func(m *metadatum) bool { return m.key == wanted.Key })
		if at < 0 {
			at = len(u.metadata)
			u.metadata = append(u.metadata, &metadatum{key: wanted.Key})
		}
		u.metadata[at].value = wanted.Value
		c.touch(&u.metadata[at].record)
	}
	c.touch(&u.record)
	return object{"setDate": timestamp(u.changed)}, nil
}

func (c *call) searchMetadata() (any, error) {
	var request struct {
		Pagination page `json:"pagination"`
		Filters    []struct {
			KeyFilter *struct {
				Key    string `json:"key"`
				Method string `json:"method"`
			} `json:"keyFilter"`
		} `json:"filters"`
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	if err := c.requireOrSelf(userRead, u.id); err != nil {
		return nil, err
	}
	list := []object{}
	for _, m := range u.metadata {
		wanted := true
		for _, filter := range request.Filters {
			wanted = wanted && (filter.KeyFilter == nil || filter.KeyFilter.Key == m.key)
		}
		if wanted {
			list = append(list, object{"creationDate": timestamp(m.created), "changeDate": timestamp(m.changed), "key": m.key, "value": m.value})
		}
	}
	pagination := compact(object{"totalResult": decimalOrNothing(len(list)), "appliedLimit": "100"})
	return compact(object{"pagination": pagination, "metadata": cut(request.Pagination, list)}), nil
}

func (c *call) deleteMetadata() (any, error) {
	u, err := c.knownUser()
	if err != nil {
		return nil, err
	}
	if err := c.require(userWrite); err != nil {
		return nil, err
	}
	keys := c.request.URL.Query()["keys"]
	u.metadata = slices.DeleteFunc(u.metadata, func(m *metadatum) bool { return slices.Contains(keys, m.key) })
	c.touch(&u.record)
	return object{"deletionDate": timestamp(u.changed)}, nil
}
