int start_kernel(void);
int start_kernel(void)
{
	return 0;
}
