"""C++'s precompiled headers (languages/cpp/prepare): the compiler takes them, and only where their flags are the program's."""

import pytest

BODY = "int main()\n{\n    std::cout << \"fine\\n\";\n}\n"


@pytest.mark.parametrize("header", ["bits/stdc++.h", "iostream"])
@pytest.mark.parametrize("flags, taken", [([], True), (["-std=gnu++17"], False)], ids=["same flags", "other flags"])
def test_header(client, header, flags, taken):
    """-Winvalid-pch: GCC says which precompiled header it found and did not take."""
    job = client.run({"language": "cpp", "code": f"#include <{header}>\n{BODY}", "input": "",
                      "compileFlags": ["-Winvalid-pch", *flags]})
    assert (job["verdict"], job["output"]) == ("accepted", "fine"), job
    complaint = f"/languages/cpp/headers/{header}.gch: not used"
    assert (complaint in job["compile"]["stderr"]) == (not taken), job["compile"]["stderr"][:500]
