module gatewright/tools/load

go 1.21
