module lengthwise/bench

go 1.19
