module lengthwise

go 1.19
