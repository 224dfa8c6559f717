"""The screens, one file each, named by what they show."""
