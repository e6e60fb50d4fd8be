// Swagger UI over our contract. No validator: it would ask another host.
SwaggerUIBundle({ dom_id: "#docs", url: "/openapi.json", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });
