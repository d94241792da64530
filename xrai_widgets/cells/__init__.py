"""Models in processes of their own. A room by itself, because its process starts with next to nothing imported."""
