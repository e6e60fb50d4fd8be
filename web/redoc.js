// ReDoc over our contract, without what would load from elsewhere.
const quiet = { disableSearch: true, nativeScrollbars: true, theme: { typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" } } } };
Redoc.init("/openapi.json", quiet, document.getElementById("redoc"));
