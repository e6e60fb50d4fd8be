console.log("before");
null.field;
