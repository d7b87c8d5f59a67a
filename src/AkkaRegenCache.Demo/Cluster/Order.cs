namespace AkkaRegenCache.Demo.Cluster;

/// <summary>What a customer has ordered. Kept in the cache, so that every node can tell.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Product">The product's number.</param>
/// <param name="Parcel">The parcel that it went into; null: it is still to be packed.</param>
public sealed record Order(string Id, string Product, string? Parcel);

/// <summary>Tells all nodes that an order was packed.</summary>
/// <param name="Id">The order's number: what those who wait for it know it by.</param>
/// <param name="Parcel">The parcel.</param>
public sealed record OrderPacked(string Id, string Parcel);
