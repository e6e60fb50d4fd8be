exports.twicePlusTwo = (n) => 2 * n + 2;
