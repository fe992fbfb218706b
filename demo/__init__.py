"""`make demo`: three drivers live through linking and one real night, told in words and pictures."""
