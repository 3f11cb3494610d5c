#include <linux/kernel.h>

int user = PAGE_SIZE;
