// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What forge does for a test
/// @notice The few cheat codes in use, named as forge names them; there is no need of a library for them.
interface Vm {
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function getNonce(address account) external view returns (uint64);
}

/// @notice What every test starts from: the cheat codes and the assertions.
abstract contract ForgeTest {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Differs(string what, uint256 left, uint256 right);
    error Broken(string what);

    function assertEq(uint256 left, uint256 right, string memory what) internal pure {
        require(left == right, Differs(what, left, right));
    }

    function assertLe(uint256 left, uint256 right, string memory what) internal pure {
        require(left <= right, Differs(what, left, right));
    }

    function assertTrue(bool holds, string memory what) internal pure {
        require(holds, Broken(what));
    }

    function bound(uint256 seed, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + seed % (most - least + 1);
    }
}
