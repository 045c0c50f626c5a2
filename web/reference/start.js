// A file of its own, so that the page's policy need not allow scripts inside it.
SwaggerUIBundle({
  dom_id: "#reference",
  url: "/api/openapi.json",
  deepLinking: true,
  docExpansion: "none",
  // Else the description is sent to a validator on the internet.
  validatorUrl: null,
});
