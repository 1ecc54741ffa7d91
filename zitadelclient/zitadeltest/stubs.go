package zitadeltest

func (s *Server) sessionRoutes() []route      { return nil }
func (s *Server) userRoutes() []route         { return nil }
func (s *Server) credentialRoutes() []route   { return nil }
func (s *Server) settingsRoutes() []route     { return nil }
func (s *Server) organizationRoutes() []route { return nil }
func (s *Server) miscRoutes() []route         { return nil }
func (s *Server) fixtureRoutes() []route      { return nil }
